# Which Terraform and which provider; HCLOUD_TOKEN and HCLOUD_ENDPOINT reach the provider from the environment.

terraform {
  required_version = ">= 1.10, < 2.0"

  required_providers {
    hcloud = {
      source  = "hetznercloud/hcloud"
      version = "= 1.68.0"
    }
  }
}

provider "hcloud" {
  poll_interval = var.poll_interval
}
