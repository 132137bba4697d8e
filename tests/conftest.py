from hypothesis import settings

# The same examples in every run, and no limit that a busy machine could break.
settings.register_profile("reproducible", derandomize=True, deadline=None)
settings.load_profile("reproducible")
