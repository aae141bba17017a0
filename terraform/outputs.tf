# What is handed over to the phases that follow.

output "inventory" {
  description = "Ansible's inventory, as YAML."
  value       = yamlencode(local.inventory)
}

output "known_hosts" {
  description = "The host keys of the nodes, as SSH reads them."
  value       = local.known_hosts
}

output "provision" {
  description = "What was made, for programs."
  value = {
    cluster_name = var.cluster_name
    nodes = {
      for key, node in local.nodes : key => {
        id           = hcloud_server.node[key].id
        name         = node.name
        pool         = node.pool
        type         = node.type
        location     = node.location
        architecture = local.platforms[local.architectures[key]]
        public_ip    = lookup(local.public_addresses, key, null)
        private_ip   = local.private_addresses[key]
      }
    }
    architectures   = sort(distinct([for key, node in local.nodes : local.platforms[local.architectures[key]] if node.pool != "gateway"]))
    network         = { id = hcloud_network.cluster.id, range = var.network_range, subnet_range = var.subnet_range }
    load_balancer   = one([for front in hcloud_load_balancer.front : { id = front.id, address = front.ipv4 }])
    jump_host       = local.jump_host
    kubeconfig_path = var.kubeconfig_path
    kube_context    = var.kube_context
    cpu_quota       = var.cpu_quota
    memory_quota    = var.memory_quota
  }
}
