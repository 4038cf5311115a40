"""Issuers of identity tokens: reads their keys over HTTPS, and verifies tokens by them with PyJWT.

Nothing here knows projects or rules. The network is touched for issuers that the operator allows, and for no other.
"""
