"""This process and its folders: file limits, locked temporary folders, deletion, stopping. Standard library only.

Knows nothing of audits.
"""
