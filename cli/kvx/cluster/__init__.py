"""What a cluster holds, decided without one: values in, values out."""
