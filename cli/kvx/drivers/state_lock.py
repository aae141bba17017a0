"""The lock of a state in a bucket: one that a killed terraform of ours left there is taken away."""

import getpass
import socket

from kvx.drivers.terraform import Terraform
from kvx.drivers.terraform_failures import Trouble


def released(terraform: Terraform, trouble: Trouble, *, broken_off: bool) -> bool:
    """Whether the trouble is a lock that was ours, and is gone now.

    Ours is one of this user on this machine, where a run of this very folder was broken off; called while
    no terraform of it is alive.
    """
    lock = trouble.lock
    if lock is None or not broken_off or lock.who != f"{getpass.getuser()}@{socket.gethostname()}":
        return False
    terraform.world.progress("the run that was broken off left the state locked: the lock is taken away")
    terraform.unlock(lock.id)
    return True
