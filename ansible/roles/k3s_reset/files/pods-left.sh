#!/bin/sh
# What pods leave when k3s is stopped: pods-left.sh look (ends with 4 where there is something) | end.
set -eu

shims() { pgrep -f '^/var/lib/rancher/k3s/data/[^ ]*/containerd-shim' || true; }
mounts() { awk '{print $2}' /proc/mounts | grep -E '^(/run/k3s|/var/lib/kubelet|/var/lib/rancher/k3s|/run/netns/cni-)' | sort -r || true; }
devices() { ip -o link show | awk -F': ' '{print $2}' | cut -d@ -f1 | grep -E '^(cni0|flannel\.1|flannel-v6\.1|flannel-wg|kube-ipvs0)$' || true; }
rules() { for tool in iptables ip6tables; do ! command -v "$tool-save" >/dev/null 2>&1 || "$tool-save" 2>/dev/null | grep -cE 'KUBE-|CNI-|flannel' || true; done | grep -qv '^0$'; }

look() {
  [ -z "$(shims)$(mounts)$(devices)" ] && ! rules || exit 4
}

end() {
  for shim in $(shims); do
    # the containers are the children of their shim
    for child in $(pgrep -P "$shim" || true); do kill -KILL "$child" 2>/dev/null || true; done
    kill -KILL "$shim" 2>/dev/null || true
  done
  mounts | while read -r place; do umount "$place" 2>/dev/null || umount -l "$place"; done
  devices | while read -r device; do ip link delete "$device"; done
  for tool in iptables ip6tables; do
    command -v "$tool-save" >/dev/null 2>&1 || continue
    "$tool-save" | grep -vE 'KUBE-|CNI-|flannel' | "$tool-restore"
  done
}

case ${1:-} in look | end) "$1" ;; *) echo "pods-left.sh look | end" >&2; exit 2 ;; esac
