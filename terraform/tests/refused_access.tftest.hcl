# Keys and addresses that cannot be are refused before anything is asked of Hetzner.

mock_provider "hcloud" {
  source = "./tests/stand_ins"
}

variables {
  ssh_public_keys   = { me = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJtFJnPHqwY0yBCwYrLKqSp3RvM0rV8rD1rJxBwVwq1u me@here" }
  allowed_addresses = ["203.0.113.7/32"]
}

run "nobody_who_may_log_in" {
  command = plan

  variables {
    ssh_public_keys = {}
  }

  expect_failures = [var.ssh_public_keys]
}

run "a_private_key_for_a_public_one" {
  command = plan

  variables {
    ssh_public_keys = { me = "-----BEGIN OPENSSH PRIVATE KEY-----" }
  }

  expect_failures = [var.ssh_public_keys]
}

run "two_keys_in_one" {
  command = plan

  variables {
    ssh_public_keys = { me = "ssh-ed25519 AAAA\nssh-ed25519 AAAA" }
  }

  expect_failures = [var.ssh_public_keys]
}

run "a_key_name_with_spaces" {
  command = plan

  variables {
    ssh_public_keys = { "my key" = "ssh-ed25519 AAAA" }
  }

  expect_failures = [var.ssh_public_keys]
}

run "a_web_address_inside_its_block" {
  command = plan

  variables {
    web_addresses = ["198.51.100.7/24"]
  }

  expect_failures = [var.web_addresses]
}

run "a_host_key_of_another_kind" {
  command = plan

  variables {
    host_public_keys = { workers-1 = "ssh-rsa AAAA" }
  }

  expect_failures = [var.host_public_keys]
}

run "a_folder_of_host_keys_that_lacks_some" {
  command = plan

  variables {
    host_keys_folder = "/somewhere"
  }

  expect_failures = [var.host_public_keys]
}

run "the_hume_key_of_the_example" {
  command = plan

  variables {
    hume_api_key = "your-hume-api-key-here"
  }

  expect_failures = [var.hume_api_key]
}
