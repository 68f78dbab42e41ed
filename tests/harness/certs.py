# SPDX-License-Identifier: Apache-2.0
"""CAs and certificates on P-256, by openssl: also those that no real CA would sign."""
import os
import subprocess


def _key(path):
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path],
                   check=True, capture_output=True)


class Authority:
    """A CA in a folder of its own; uri names the cluster whose nodes and users it certifies. env goes to
    openssl, such as for another clock. What it issues is valid for days unless said otherwise, itself one
    day longer."""

    def __init__(self, folder, uri=None, env=None, days=1):
        os.makedirs(folder, exist_ok=True)
        self.days = days
        self.folder, self.env = folder, {**os.environ, **(env or {})}
        self.ca, self.ca_key = os.path.join(folder, "ca.pem"), os.path.join(folder, "ca-key.pem")
        _key(self.ca_key)
        extra = ["-addext", "subjectAltName=URI:" + uri] if uri else []
        self._openssl("req", "-x509", "-new", "-key", self.ca_key, "-days", str(days + 1),
                      "-subj", "/CN=test CA", *extra, "-out", self.ca)

    def _openssl(self, *args):
        subprocess.run(["openssl", *args], check=True, capture_output=True, env=self.env)

    def issue(self, name, uri=None, days=None, addresses=()):
        """Valid for loopback and these IPv4 addresses, for servers and clients. Returns (certificate,
        key)."""
        base = os.path.join(self.folder, name)
        _key(base + "-key.pem")
        self._openssl("req", "-new", "-key", base + "-key.pem", "-subj", "/CN=" + name,
                      "-out", base + ".csr")
        with open(base + ".ext", "w") as ext:
            ext.write("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                      "extendedKeyUsage=serverAuth,clientAuth\n"
                      "subjectAltName=IP:127.0.0.1,DNS:localhost%s%s\n" % (
                          "".join(",IP:" + address for address in addresses),
                          ",URI:" + uri if uri else ""))
        self._openssl("x509", "-req", "-in", base + ".csr", "-CA", self.ca, "-CAkey", self.ca_key,
                      "-CAcreateserial", "-days", str(days or self.days), "-extfile", base + ".ext",
                      "-out", base + ".pem")
        os.chmod(base + "-key.pem", 0o600)
        return base + ".pem", base + "-key.pem"
