"""authorities.etsi"""
