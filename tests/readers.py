"""What a shell may do with the output of a command; `%s` is the command."""

READERS = {
    "a reader that leaves at once": "%s | true; exit ${PIPESTATUS[0]}",
    "the first line alone": "%s | head -1; exit ${PIPESTATUS[0]}",
    "messages and results to a reader that leaves": "%s 2>&1 | true; exit ${PIPESTATUS[0]}",
    "no stdout": "%s >&-",
    "neither stdout nor stderr": "%s >&- 2>&-",
    "a full disk": "%s >/dev/full",
}
