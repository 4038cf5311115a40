"""Messages of modicum.v1 from values of the domain, and back: `x_message(value)` and `x_value(message)`.

Nothing is checked here: a value may break every rule. Rules live in the use cases. An enum number that this release
does not know becomes None, and the use case that needs it says so.
"""
