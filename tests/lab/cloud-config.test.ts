import { bootSteps } from "../../lab/cloud-config";

test("steps come in cloud-init's order, not in the document's", () => {
  const steps = bootSteps(`#cloud-config
runcmd:
  - [/opt/boot.sh, --now, 3]
  - echo "a b"
packages: [nftables, wireguard-tools]
mounts:
  - ["fs-1:/", /mnt/a, efs, "tls,iam", 0, "0"]
package_update: true
write_files:
  - {path: /etc/a, content: "x\\n", permissions: "0600"}
  - {path: /etc/b, content: "y"}
`);
  expect(steps).toEqual([
    { kind: "file", path: "/etc/a", content: "x\n", mode: "0600" },
    { kind: "file", path: "/etc/b", content: "y", mode: "0644" },
    { kind: "mount", entry: ["fs-1:/", "/mnt/a", "efs", "tls,iam", "0", "0"] },
    { kind: "packages", names: ["nftables", "wireguard-tools"] },
    { kind: "command", command: ["/opt/boot.sh", "--now", "3"] },
    { kind: "command", command: ["sh", "-c", 'echo "a b"'] },
  ]);
});

test("an empty cloud-config has no steps", () => {
  expect(bootSteps("#cloud-config\n")).toEqual([]);
});

test.each([
  ["a script", "#!/bin/sh\n", "user data must start with '#cloud-config'; the lab boots nothing else"],
  ["nothing", "", "user data must start with '#cloud-config'"],
  ["a comment before the mark", "# hi\n#cloud-config\n", "user data must start with '#cloud-config'"],
  ["a module that the lab does not realise", "#cloud-config\nbootcmd: [ls]\n", 'Unrecognized key: "bootcmd"'],
  [
    "an unknown key of a file",
    "#cloud-config\nwrite_files: [{path: /a, content: b, append: true}]\n",
    'Unrecognized key: "append"\n  → at write_files[0]',
  ],
  ["a relative path", "#cloud-config\nwrite_files: [{path: a, content: b}]\n", "write_files[0].path"],
  [
    "an encoding that the lab does not decode",
    "#cloud-config\nwrite_files: [{path: /a, content: b, encoding: gzip}]\n",
    "write_files[0].encoding",
  ],
  ["a list where text belongs", "#cloud-config\npackages: [[a]]\n", "packages[0]"],
  ["something that is no YAML", "#cloud-config\nruncmd: [\n", "user data is no valid YAML"],
])("%s is refused", (_, userData, message) => {
  expect(() => bootSteps(userData)).toThrow(
    expect.objectContaining({ name: "UserError", message: expect.stringContaining(message) }),
  );
});
