"""Program that runs inside pods: fetches bound values from the broker, writes files and an env file.

Standard library only and synchronous: one small process per pod, started often, with little memory.
"""
