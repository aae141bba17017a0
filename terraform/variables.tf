# What a cluster can be asked to be; each value is checked before anything is made.

variable "cluster_name" {
  description = "What every resource is called, or begins with, and is labelled with: kvx/cluster=NAME."
  type        = string
  default     = "kvx"

  validation {
    condition     = can(regex("^[a-z]([-a-z0-9]*[a-z0-9])?$", var.cluster_name))
    error_message = "cluster_name becomes part of host names: use small letters, digits and hyphens, a letter first, no hyphen last."
  }
}

variable "image" {
  description = "The operating system of new nodes, by name or id; nodes that live keep theirs."
  type        = string
  default     = "debian-12"

  validation {
    condition     = can(regex("^[a-z0-9][-a-z0-9._]*$", var.image))
    error_message = "image is the name or the id of an image at Hetzner, such as debian-12."
  }
}

variable "network_zone" {
  description = "The zone all nodes lie in; a network cannot leave it. ARM64 machines are in eu-central only."
  type        = string
  default     = "eu-central"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+$", var.network_zone))
    error_message = "network_zone is the name of a zone at Hetzner, such as eu-central."
  }
}

variable "network_range" {
  description = "The private network of the cluster, one of the ranges that are set aside for private use."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.network_range)) && can(regex("^(10\\.|172\\.(1[6-9]|2\\d|3[01])\\.|192\\.168\\.).*/([89]|1\\d|2[0-4])$", var.network_range))
    error_message = "network_range is a private range of IPv4 between /8 and /24, such as 10.0.0.0/16."
  }

  validation {
    condition     = try(cidrhost(var.network_range, 0) == split("/", var.network_range)[0], true)
    error_message = "network_range is not the start of its block; write ${try(cidrsubnet(var.network_range, 0, 0), "10.0.0.0/16")}."
  }
}

variable "subnet_range" {
  description = "The part of network_range the nodes lie in."
  type        = string
  default     = "10.0.0.0/20"

  validation {
    condition     = can(cidrnetmask(var.subnet_range)) && try(cidrhost(var.subnet_range, 0) == split("/", var.subnet_range)[0], false)
    error_message = "subnet_range is a range of IPv4 from the start of its block, such as 10.0.0.0/20."
  }

  validation {
    condition = try(
      tonumber(split("/", var.subnet_range)[1]) >= tonumber(split("/", var.network_range)[1])
      && cidrhost("${split("/", var.subnet_range)[0]}/${split("/", var.network_range)[1]}", 0) == cidrhost(var.network_range, 0),
      false,
    )
    error_message = "subnet_range does not lie inside network_range (${var.network_range})."
  }

  validation {
    condition     = !startswith(var.subnet_range, "10.42.") && !startswith(var.subnet_range, "10.43.")
    error_message = "subnet_range may not be 10.42... or 10.43...: k3s gives those addresses to pods and services."
  }

  validation {
    condition     = try(pow(2, 32 - tonumber(split("/", var.subnet_range)[1])) - 4 >= length(local.nodes), false)
    error_message = "subnet_range has not enough addresses for all nodes; make it larger, such as a /24 for up to 100 nodes."
  }
}

variable "load_balancer" {
  description = "A load balancer before all nodes, for 80 and 443; null for none."
  type = object({
    type     = optional(string, "lb11")
    location = string
  })
  default = null

  validation {
    condition     = var.load_balancer == null || (can(regex("^lb[0-9]+$", var.load_balancer.type)) && can(regex("^[a-z]+[0-9]*$", var.load_balancer.location)))
    error_message = "load_balancer.type and .location are names at Hetzner, such as lb11 and nbg1."
  }
}

variable "private_only" {
  description = "Nodes get no public address; one small gateway is their way out, and the way in."
  type        = bool
  default     = false
  nullable    = false
}

variable "poll_interval" {
  description = "How often the provider asks whether Hetzner is done; shorter only against a simulation."
  type        = string
  default     = "500ms"
  nullable    = false

  validation {
    condition     = can(regex("^[1-9][0-9]*(ms|s)$", var.poll_interval))
    error_message = "poll_interval is a duration, such as 500ms or 2s."
  }
}

variable "kubeconfig_path" {
  description = "Where the cluster's kubeconfig goes; handed on to the phases that talk to Kubernetes."
  type        = string
  default     = "~/.kube/config"
  nullable    = false

  validation {
    condition     = var.kubeconfig_path != "" && !strcontains(var.kubeconfig_path, "\n")
    error_message = "kubeconfig_path is the path of a file, such as ~/.kube/config."
  }
}

variable "kube_context" {
  description = "What the cluster is called in that kubeconfig; handed on likewise."
  type        = string
  default     = "hetzner-cluster"
  nullable    = false

  validation {
    condition     = can(regex("^[^\\s]+$", var.kube_context))
    error_message = "kube_context is the name of a context, without spaces, such as hetzner-cluster."
  }
}

variable "cpu_quota" {
  description = "How much CPU the voice API may ask for; handed on to its namespace's ResourceQuota."
  type        = string
  default     = "2000m"
  nullable    = false

  validation {
    condition     = can(regex("^([1-9][0-9]*m?|[0-9]+\\.[0-9]+)$", var.cpu_quota))
    error_message = "cpu_quota is an amount of CPU as Kubernetes writes it, such as 2000m or 2."
  }
}

variable "memory_quota" {
  description = "How much memory the voice API may ask for; handed on likewise."
  type        = string
  default     = "4Gi"
  nullable    = false

  validation {
    condition     = can(regex("^[1-9][0-9]*(Ki|Mi|Gi|Ti|k|M|G|T)$", var.memory_quota))
    error_message = "memory_quota is an amount of memory as Kubernetes writes it, such as 4Gi or 512Mi."
  }
}

variable "hume_api_key" {
  description = "The key of the cloud voice service. kvx makes the cluster's secret of it; Terraform only checks it and forgets it: no plan, no state and no output holds it."
  type        = string
  default     = null
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = var.hume_api_key == null ? true : can(regex("^[^\\s]{16,}$", var.hume_api_key)) && !startswith(var.hume_api_key, "your-")
    error_message = "hume_api_key is no key but the words of the example; leave it out (the voice API then speaks for itself), or export TF_VAR_hume_api_key."
  }
}
