"""A Jupyter kernel that may not take more than its share: python -m rnnlib.grade.kernel -f CONNECTION_FILE."""

import contextlib

MOST_MEMORY, LARGEST_FILE = 8 * 2**30, 2**30  # bytes

if __name__ == "__main__":
    with contextlib.suppress(ImportError, ValueError, OSError):  # Windows has no limits; others may have lower ones
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()
