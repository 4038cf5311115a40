"""Tags of content, by which a caller says what it has already (RFC 9110, 8.8.3)."""


def matches(etag: str, if_none_match: str) -> bool:
    """Return whether a caller's If-None-Match names this ETag."""
    given = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return etag in given or given == ["*"]
