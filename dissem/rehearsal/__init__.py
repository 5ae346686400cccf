"""The rehearsal (gladi): stand-ins of the platforms on 127.0.0.1, for demo, training and tests.

Standard library only. A stand-in proves our code against our reading of a platform's documented protocol; it
proves nothing about the platform itself, so it refuses whatever the documentation does not allow.
"""
