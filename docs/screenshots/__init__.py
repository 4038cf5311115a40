"""Takes the screenshots of docs/how-to/look-in-a-browser.md, of a real server after real audits.

A clean small network is the first version of a model, one that learned a planted cue the second. Both are audited and
judged as a user does it; a further audit runs and another waits. Takes some minutes.
"""
