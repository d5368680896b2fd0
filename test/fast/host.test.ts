import assert from "node:assert/strict";
import test from "node:test";
import { bundle } from "../../src/host/bundle.ts";
import { merge } from "../../src/host/merge.ts";
import type { Contribution, FileState } from "../../src/host/state.ts";

const file = (content: string, more: Partial<FileState> = {}): FileState => ({
  path: "/etc/example.conf",
  owner: "root:root",
  mode: "0644",
  content,
  ...more,
});

const role = (name: string, wants: Omit<Contribution, "role">): Contribution => ({ role: name, ...wants });

test("equal wishes count once, lists are sorted", () => {
  const state = merge("h", [
    role("b", { packages: ["nginx", "curl"], files: [file("x\n")] }),
    role("a", { packages: ["curl"], files: [file("x\n")] }),
  ]);
  assert.deepEqual(state.packages, ["curl", "nginx"]);
  assert.equal(state.files.length, 1);
});

const conflicts: [string, Contribution, Contribution, RegExp][] = [
  [
    "file",
    role("web", { files: [file("x\n")] }),
    role("edge", { files: [file("y\n")] }),
    /host h: roles "web" and "edge" both want file \/etc\/example\.conf/,
  ],
  [
    "port",
    role("web", { listens: [{ service: "nginx", protocol: "tcp", port: 80, reach: "mesh" }] }),
    role("edge", { listens: [{ service: "haproxy", protocol: "tcp", port: 80, reach: "world" }] }),
    /roles "web" and "edge" both want port 80\/tcp/,
  ],
  [
    "unit",
    role("a", {
      units: [{ name: "x.service", state: "running", enabled: true, restartOn: [], reloadOn: [] }],
    }),
    role("b", {
      units: [{ name: "x.service", state: "masked", enabled: false, restartOn: [], reloadOn: [] }],
    }),
    /roles "a" and "b" both want unit x\.service/,
  ],
  [
    "file and directory of one path",
    role("a", { files: [file("x\n")] }),
    role("b", { directories: [{ path: "/etc/example.conf", owner: "root:root", mode: "0755" }] }),
    /both want \/etc\/example\.conf/,
  ],
];

for (const [name, one, other, message] of conflicts)
  test(`two roles that want one ${name} differently are both named`, () => {
    assert.throws(() => merge("h", [one, other]), { exitCode: 2, message });
  });

test("a unit that reacts to a file nobody writes is refused", () => {
  const unit = {
    name: "x.service",
    state: "running",
    enabled: true,
    restartOn: ["/etc/none"],
    reloadOn: [],
  } as const;
  assert.throws(
    () => merge("h", [role("a", { units: [unit] })]),
    /reacts to \/etc\/none, which no role brings here/,
  );
});

test("a file that does not end with one newline is refused", () => {
  for (const content of ["x", "x\n\n"])
    assert.throws(
      () => merge("h", [role("a", { files: [file(content)] })]),
      /end the content|newline|empty line/,
    );
});

test("the bundle does not depend on the order of roles, and says what it is for", () => {
  const roles = [
    role("a", { packages: ["b"], files: [file("one\n\n    two\n", { validate: "true %s" })] }),
    role("c", { packages: ["a"], sysctls: [{ key: "net.ipv4.ip_forward", value: "1" }] }),
  ];
  const text = bundle(merge("h", roles), new Map([["password/x", 2]]));
  assert.equal(bundle(merge("h", [...roles].reverse()), new Map([["password/x", 2]])), text);
  assert.equal(
    text,
    `farm bundle 1 for h

packages
    a
    b

secret password/x
    generation: 2

file /etc/example.conf
    role: a
    owner: root:root
    mode: 0644
    validate: true %s
    content:
        one

            two

sysctl net.ipv4.ip_forward
    role: c
    value: 1
end 22
`,
  );
});
