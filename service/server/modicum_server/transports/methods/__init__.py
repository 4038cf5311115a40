"""The methods of modicum.v1 as plain async functions of (principal, request message), called by both transports.

There is one class for each service and one function for each method, named as in the contract but in snake case. A
method with a stream of replies is an async generator; one with a stream of requests takes an async iterator.
"""
