"""Distributed start-up before mmengine's runner does it, and start-up of loader workers.

mmengine 0.10.7 sets a CUDA device in its launcher whatever the machine has. A process group that
exists already makes it skip that, so this is the one place where a group is made: NCCL where there
is a GPU, gloo elsewhere.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from datetime import timedelta

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')
VARIABLES = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT')
DEFAULT_PORT = '29500'


def init_distributed(launcher: str, timeout_minutes: float = 30) -> None:
    """Joins the process group that the launcher describes; does nothing for ``none``.

    Args:
        launcher: ``pytorch`` (torchrun or torch.distributed.launch), ``slurm`` (srun), ``mpi``
            (Open MPI's mpirun) or ``none``.
        timeout_minutes: How long a training collective may wait. Evaluation has a group of its
            own that waits far longer.

    Raises:
        ValueError: For another launcher, if its environment variables are missing, or if this
            machine has fewer GPUs than ranks.
    """
    if launcher not in LAUNCHERS:
        raise ValueError(f"launcher is '{launcher}', expected one of {LAUNCHERS}")
    if launcher == 'none' or dist.is_initialized():
        return
    if launcher == 'slurm':
        _export_slurm()
    elif launcher == 'mpi':
        _export_ranks('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_LOCAL_RANK')
        os.environ.setdefault('MASTER_ADDR', '127.0.0.1')
        os.environ.setdefault('MASTER_PORT', DEFAULT_PORT)
    missing = [k for k in VARIABLES if k not in os.environ]
    if missing:
        raise ValueError(
            f"launcher '{launcher}' needs {missing} in the environment; start with "
            'tools/dist_train.sh, torchrun, srun or mpirun'
        )
    use_gpu = torch.cuda.is_available()
    if use_gpu:
        local_rank, num_gpus = int(os.environ['LOCAL_RANK']), torch.cuda.device_count()
        if local_rank >= num_gpus:
            raise ValueError(
                f'LOCAL_RANK is {local_rank}, but this machine shows {num_gpus} GPUs; start as '
                'many processes, or set CUDA_VISIBLE_DEVICES'
            )
        torch.cuda.set_device(local_rank)
    timeout = timedelta(minutes=timeout_minutes)
    store, rank, size = next(rendezvous('env://', timeout=timeout))
    # torchrun keeps the store when it restarts the ranks, with the addresses of those that ended
    store = dist.PrefixStore(f'start {os.environ.get("TORCHELASTIC_RESTART_COUNT", 0)}', store)
    backend = 'nccl' if use_gpu else 'gloo'
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=timeout)


def leave_distributed() -> None:
    """Leaves the process group together with all other ranks; does nothing without one.

    A rank that ends while another is still talking to it brings the other one down.
    """
    if not dist.is_initialized():
        return
    dist.barrier()
    dist.destroy_process_group()


def init_worker(worker_id: int) -> None:
    """Leaves Ctrl-C and SIGTERM to the main process, which ends the workers when it has saved.

    A terminal sends Ctrl-C, and a scheduler that ends a job sends SIGTERM, to every process of it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, 'sigwaitinfo'):  # not on macOS
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_on_word_of_parent, daemon=True).start()
    torch.set_num_threads(1)


def _end_on_word_of_parent() -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)


def _export_ranks(rank: str, world_size: str, local_rank: str) -> None:
    for name, source in (('RANK', rank), ('WORLD_SIZE', world_size), ('LOCAL_RANK', local_rank)):
        if source not in os.environ:
            raise ValueError(
                f'this launcher should have set {source}, but it is not in the environment; start '
                'with srun or mpirun, or leave --launcher out'
            )
        os.environ[name] = os.environ[source]


def _export_slurm() -> None:
    _export_ranks('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID')
    os.environ.setdefault('MASTER_PORT', DEFAULT_PORT)
    if 'MASTER_ADDR' not in os.environ:
        nodes = os.environ.get('SLURM_STEP_NODELIST') or os.environ['SLURM_NODELIST']
        hosts = subprocess.run(
            ['scontrol', 'show', 'hostnames', nodes], capture_output=True, text=True, check=True
        )
        os.environ['MASTER_ADDR'] = hosts.stdout.split()[0]
