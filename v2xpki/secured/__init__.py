"""secured"""
