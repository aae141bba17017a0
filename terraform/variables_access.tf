# Who gets in, and how each side knows the other.

variable "ssh_public_keys" {
  description = "Who may log in to new nodes: public keys by a short name."
  type        = map(string)

  validation {
    condition     = length(var.ssh_public_keys) > 0
    error_message = "Name at least one key in ssh_public_keys, such as { me = \"ssh-ed25519 AAAA...\" }; without one Hetzner mails a root password."
  }

  validation {
    condition     = alltrue([for name, _ in var.ssh_public_keys : can(regex("^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$", name))])
    error_message = "The names in ssh_public_keys have letters, digits, '-', '_' and '.', and at most 63 of them."
  }

  validation {
    condition     = alltrue([for key in var.ssh_public_keys : can(regex("^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-[a-z0-9@.-]+) [A-Za-z0-9+/]+=*( [^\\n]*)?\\n?$", key))])
    error_message = "The values in ssh_public_keys are public keys as in id_ed25519.pub: one line that begins with ssh-ed25519, ssh-rsa, ecdsa-... or sk-..."
  }
}

variable "allowed_addresses" {
  description = "Who reaches SSH and the Kubernetes API, as blocks of addresses; one address is A.B.C.D/32."
  type        = list(string)

  validation {
    condition     = length(var.allowed_addresses) > 0
    error_message = "Name at least one block in allowed_addresses, such as that of your own address, or nobody can log in."
  }

  validation {
    condition     = length(var.allowed_addresses) <= 100
    error_message = "A rule of a firewall at Hetzner takes 100 blocks of addresses; join some in allowed_addresses."
  }

  validation {
    condition     = alltrue([for block in var.allowed_addresses : try(cidrhost(block, 0) == lower(split("/", block)[0]), false)])
    error_message = "Each of allowed_addresses is a block from its start, such as 203.0.113.7/32, 203.0.113.0/24 or 2001:db8::/64."
  }

  validation {
    condition     = var.open_to_the_world || alltrue([for block in var.allowed_addresses : try(tonumber(split("/", block)[1]) >= (strcontains(block, ":") ? 19 : 8), true)])
    error_message = "allowed_addresses would open SSH and the Kubernetes API to (half) the world. Name your own addresses, or set open_to_the_world = true."
  }
}

variable "open_to_the_world" {
  description = "Lets allowed_addresses, and web_addresses without a load balancer, be everybody."
  type        = bool
  default     = false
  nullable    = false
}

variable "web_addresses" {
  description = "Who reaches 80 and 443. Before a load balancer Hetzner has no firewall, so there it is everybody; without one the nodes open to named blocks, and to everybody only if open_to_the_world."
  type        = list(string)
  default     = ["0.0.0.0/0", "::/0"]
  nullable    = false

  validation {
    condition     = length(var.web_addresses) <= 100 && alltrue([for block in var.web_addresses : try(cidrhost(block, 0) == lower(split("/", block)[0]), false)])
    error_message = "Each of web_addresses (at most 100) is a block from its start, such as 203.0.113.0/24 or 2001:db8::/64."
  }

  validation {
    condition     = var.load_balancer == null || toset(var.web_addresses) == toset(["0.0.0.0/0", "::/0"])
    error_message = "Hetzner has no firewall before a load balancer, so web_addresses cannot be kept. Leave web_addresses out, or the load balancer."
  }
}

variable "host_keys_folder" {
  description = "Holds the ed25519 host key of each node in a file called POOL-N, so that the first login is verified; empty: nodes make their own."
  type        = string
  default     = ""
  nullable    = false
}

variable "host_public_keys" {
  description = "The public halves of the host keys, by POOL-N; they make up known_hosts."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in var.host_public_keys : can(regex("^ssh-ed25519 [A-Za-z0-9+/]+=*( [^\\n]*)?\\n?$", key))])
    error_message = "The values in host_public_keys are public keys as in POOL-N.pub: one line that begins with ssh-ed25519."
  }

  validation {
    condition     = var.host_keys_folder == "" || alltrue([for key, _ in local.nodes : contains(keys(var.host_public_keys), key)])
    error_message = "host_keys_folder is set, and host_public_keys lacks some node; give each POOL-N its key."
  }
}
