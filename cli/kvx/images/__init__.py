"""What a container image is made of, and what is wrong with one: values in, values out."""
