"""Hosts and VMs dealt out to pods, each pod a small picture of the whole."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate.model import Instance
from consolidate.solvers.orders import vm_sizes

__all__ = ["deal_hosts", "deal_vms"]


def deal_hosts(instance: Instance, n_pods: int) -> NDArray[np.int64]:
    """Return the pod of each host: hosts of a kind are dealt in the order of how full they are."""
    fleet = instance.fleet
    used = instance.usage(instance.current) / np.maximum(instance.capacity, 1)
    order = np.lexsort(
        (
            used.max(axis=1),
            fleet.powered_on,
            fleet.maintenance,
            fleet.power_control,
            fleet.host_site,
            fleet.host_type,
        )
    )
    pod_of = np.empty(fleet.n_hosts, dtype=np.int64)
    pod_of[order] = np.arange(fleet.n_hosts) % n_pods
    return pod_of


def deal_vms(instance: Instance, pod_of_host: NDArray[np.int64], n_pods: int) -> NDArray[np.int64]:
    """Return the pod of each VM: that of its host; new VMs are dealt by size.

    A VM with no host in its pod that may carry it goes to the first pod that has one.
    """
    host_of = instance.current.host_of
    pod_of = np.where(host_of >= 0, pod_of_host[host_of], 0)
    new = np.flatnonzero(instance.active & (host_of < 0))
    by_size = new[np.argsort(-vm_sizes(instance)[new], kind="stable")]
    pod_of[by_size] = np.arange(len(by_size)) % n_pods
    mask_of, masks = instance.host_masks()
    offers = np.array([masks[:, pod_of_host == pod].any(axis=1) for pod in range(n_pods)])
    stranded = ~offers[pod_of, mask_of]
    pod_of[stranded] = offers[:, mask_of[stranded]].argmax(axis=0)
    return pod_of
