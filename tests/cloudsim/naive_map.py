"""The hash table of Java 8, as far as the order of its values matters."""

from __future__ import annotations


class JavaMap:
    """A HashMap of Java 8: 16 buckets, doubled above three quarters, never halved."""

    def __init__(self):
        self.buckets = [[] for _ in range(16)]
        self.size = 0

    def bucket(self, key):
        code = 0
        for letter in key:
            code = (code * 31 + ord(letter)) & 0xFFFFFFFF
        code ^= code >> 16
        return self.buckets[code % len(self.buckets)]

    def put(self, key, value):
        bucket = self.bucket(key)
        for entry in bucket:
            if entry[0] == key:
                entry[1] = value
                return
        bucket.append([key, value])
        self.size += 1
        if self.size > 0.75 * len(self.buckets):
            old = [entry for bucket in self.buckets for entry in bucket]
            self.buckets = [[] for _ in range(2 * len(self.buckets))]
            for entry in old:
                self.bucket(entry[0]).append(entry)

    def remove(self, key):
        bucket = self.bucket(key)
        bucket[:] = [entry for entry in bucket if entry[0] != key]
        self.size = sum(len(bucket) for bucket in self.buckets)

    def clear(self):
        for bucket in self.buckets:
            bucket.clear()
        self.size = 0

    def values(self):
        return [entry[1] for bucket in self.buckets for entry in bucket]
