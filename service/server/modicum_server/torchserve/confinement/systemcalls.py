"""System calls that the filter refuses or inspects, with their numbers on x86_64 and aarch64.

The numbers are from the kernel's asm/unistd_64.h and asm-generic/unistd.h. `None`: the architecture has no such call.
"""

from collections.abc import Mapping
from types import MappingProxyType

MACHINES = ("x86_64", "aarch64")

_Numbers = Mapping[str, tuple[int | None, int | None]]

#: Calls that read other processes, signal them, or change their scheduling and memory placement.
_OTHER_PROCESSES: _Numbers = {
    "ptrace": (101, 117),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
}

#: Calls that create a child process, besides clone.
_FORKS: _Numbers = {"fork": (57, None), "vfork": (58, None)}

#: Calls that send data out. TorchServe connects to the handler's stream socket, so the handler needs only `send`.
#: Addresses and passed file descriptors are in memory, where a filter cannot look.
_MESSAGES_TO_OTHERS: _Numbers = {"connect": (42, 203), "sendmsg": (46, 211), "sendmmsg": (307, 269)}

#: Memory, semaphores and queues with names or keys: other processes can find them, they outlive the process that made
#: them, and none of its limits counts them. Landlock does not cover those of System V.
_SHARED_WITH_OTHERS: _Numbers = {
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
}

#: Changes of files' owners, modes, times and attributes, which Landlock does not cover, and notifications of what
#: others do with files.
_ABOUT_FILES: _Numbers = {
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "lchown": (94, None),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
}

#: Other ways into the kernel: io_uring, mounts, namespaces, modules, keys, clocks.
_KERNEL: _Numbers = {
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "mount": (165, 40),
    "umount2": (166, 39),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_by_handle_at": (304, 265),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "quotactl": (179, 60),
}

#: Refused whatever the arguments.
REFUSED: _Numbers = MappingProxyType(
    {**_OTHER_PROCESSES, **_FORKS, **_MESSAGES_TO_OTHERS, **_SHARED_WITH_OTHERS, **_ABOUT_FILES, **_KERNEL}
)

#: Refused or not, depending on their arguments.
INSPECTED: _Numbers = MappingProxyType(
    {
        "socket": (41, 198),
        "socketpair": (53, 199),
        "sendto": (44, 206),
        "kill": (62, 129),
        "tgkill": (234, 131),
        "prlimit64": (302, 261),
        "sched_setaffinity": (203, 122),
        "fcntl": (72, 25),
        "ioctl": (16, 29),
        "clone": (56, 220),
        "clone3": (435, 435),
    }
)


def numbers(calls: _Numbers, machine: str) -> dict[str, int]:
    """Return the numbers of the calls that this architecture has."""
    column = MACHINES.index(machine)
    return {name: number for name, columns in calls.items() if (number := columns[column]) is not None}
