"""The Django project and the contracts that its apps share: event, CSV, checkpoint, topic.

Apps import from here and never from each other.
"""
