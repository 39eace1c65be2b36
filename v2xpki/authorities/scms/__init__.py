"""authorities.scms"""
