"""The methods of modicum.v1 as plain async functions of (principal, request message): what every door calls.

One class a service, one function a method, named as in the contract but in snake case. A method that streams answers is
an async generator; one that takes a stream takes an async iterator of messages.
"""
