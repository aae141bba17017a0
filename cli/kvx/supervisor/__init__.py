"""Keeps one service running on sockets that it owns; standard library only, starts as a program."""
