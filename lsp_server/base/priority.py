"""A thread that gives way to others. Knows nothing of what the thread does.

For good: what lowers itself may not rise again. Without privileges Linux takes back neither a raised nice value nor
``SCHED_IDLE`` (EACCES and EPERM as user nobody, Linux 6.18, RLIMIT_NICE 0, which is the default); ``SCHED_BATCH`` it
does, but that takes no time from a thread. So work of lower priority has a thread of its own.
"""

import ctypes
import os
import sys
import threading

#: How much the system prefers others (Unix nice): half as much time as an equal gets. Not more, because others wait for
#: what such a thread holds, Python's lock or the engine: beside two busy programs on two cores the main thread got the
#: lock after 12 ms (95th percentile 32) from a thread at 3 as from one at 0, but after 38 ms (212) from one at 10; an
#: evaluation that was told to stop ended after 56 ms (95th percentile) at 3, 36 at 0, 256 at 10.
NICENESS = 3

_BELOW_NORMAL = -1  # THREAD_PRIORITY_BELOW_NORMAL of winbase.h
_QOS_CLASS_UTILITY = 0x11  # of macOS' sys/qos.h: work that nobody waits for at this moment


def give_way(niceness: int = NICENESS) -> bool:
    """Lower the calling thread, and the threads that it will start on Linux.

    Args:
        niceness: by how much, on Linux; other systems have one step.

    Returns:
        whether the system did it. It is never vital.
    """
    try:
        if sys.platform == "linux":
            thread = threading.get_native_id()
            now = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, now + niceness)
            return True
        if sys.platform == "win32":
            kernel = ctypes.WinDLL("kernel32")
            kernel.GetCurrentThread.restype = ctypes.c_void_p
            return bool(kernel.SetThreadPriority(ctypes.c_void_p(kernel.GetCurrentThread()), _BELOW_NORMAL))
        if sys.platform == "darwin":
            return bool(ctypes.CDLL(None).pthread_set_qos_class_self_np(_QOS_CLASS_UTILITY, 0) == 0)
    except (OSError, AttributeError):
        return False
    return False
