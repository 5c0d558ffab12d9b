"""Drawing office: names, condition reasons and parsed specs that every part shares.

Pure values and functions only: nothing in here does I/O or imports anything else of vaultbind.
"""
