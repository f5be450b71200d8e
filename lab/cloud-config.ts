/**
 * Runs an instance's cloud-config in a lab machine, step by step and in cloud-init's own order.
 * Order of modules: https://docs.cloud-init.io/en/latest/explanation/boot.html (write_files and mounts in the network
 * and config stages; package installation and runcmd in the final stage).
 */
import { parse } from "yaml";
import { z } from "zod";
import { UserError } from "../config/errors";
import type { Machine } from "./machine";

const scalar = z.union([z.string(), z.number(), z.boolean()]).transform(String);

const cloudConfigSchema = z.strictObject({
  package_update: z.boolean().optional(),
  package_upgrade: z.boolean().optional(),
  packages: z.array(z.string()).default([]),
  write_files: z
    .array(
      z.strictObject({
        path: z.string().startsWith("/"),
        content: z.string(),
        permissions: z.string().default("0644"),
        owner: z.string().optional(),
        encoding: z.enum(["text/plain"]).optional(),
      }),
    )
    .default([]),
  mounts: z.array(z.array(scalar)).default([]),
  runcmd: z.array(z.union([z.string(), z.array(scalar)])).default([]),
});

/** One thing that cloud-init would do on the instance. */
export type BootStep =
  | { kind: "file"; path: string; content: string; mode: string }
  | { kind: "mount"; entry: string[] }
  | { kind: "packages"; names: string[] }
  | { kind: "command"; command: string[] };

/**
 * Turns user data into the steps that cloud-init would take, in its order.
 *
 * @throws UserError when the user data is not a cloud-config, or uses a module that the lab does not realise.
 */
export function bootSteps(userData: string): BootStep[] {
  if (!userData.startsWith("#cloud-config\n")) {
    throw new UserError("user data must start with '#cloud-config'; the lab boots nothing else");
  }
  const parsed = cloudConfigSchema.safeParse(parseYaml(userData) ?? {});
  if (!parsed.success) {
    throw new UserError(`user data is not what the lab can boot: ${z.prettifyError(parsed.error)}`);
  }
  const config = parsed.data;
  return [
    ...config.write_files.map((file) => ({
      kind: "file" as const,
      path: file.path,
      content: file.content,
      mode: file.permissions,
    })),
    ...config.mounts.map((entry) => ({ kind: "mount" as const, entry })),
    ...(config.packages.length > 0 ? [{ kind: "packages" as const, names: config.packages }] : []),
    ...config.runcmd.map((command) => ({
      kind: "command" as const,
      command: typeof command === "string" ? ["sh", "-c", command] : command,
    })),
  ];
}

function parseYaml(userData: string): unknown {
  try {
    return parse(userData);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(`user data is no valid YAML: ${reason}`, { cause: error });
  }
}

/** The programs that each Amazon Linux package brings; the lab uses the host's, so it checks that they are there. */
const PROGRAMS_OF_PACKAGE: Record<string, string[]> = {
  "wireguard-tools": ["wg"],
  nftables: ["nft"],
  "conntrack-tools": ["conntrack"],
  "amazon-efs-utils": ["mount.efs"],
  nodejs24: ["node"],
};

async function checkPackages(machine: Machine, names: string[]): Promise<void> {
  for (const name of names) {
    const programs = PROGRAMS_OF_PACKAGE[name];
    if (!programs)
      throw new UserError(
        `the lab does not know which programs package ${name} brings (lab/cloud-config.ts)`,
      );
    for (const program of programs) {
      const { code } = await machine.attempt(["sh", "-c", 'command -v "$1"', "sh", program]);
      if (code !== 0) {
        throw new UserError(
          `this machine lacks ${program} (package ${name} on the servers); install it with: ./wgc setup`,
        );
      }
    }
  }
}

/** Takes one boot step in the machine. */
export async function takeStep(machine: Machine, step: BootStep): Promise<void> {
  switch (step.kind) {
    case "file":
      return machine.write(step.path, step.content, step.mode);
    case "mount": {
      // The defaults that cloud-init fills in: https://docs.cloud-init.io/en/latest/reference/modules.html#mounts
      const defaults = ["", "", "auto", "defaults,nofail", "0", "2"];
      const fields = defaults.map((value, index) => step.entry[index] ?? value);
      await machine.run([
        "sh",
        "-c",
        'mkdir -p "$2" && echo "$1" >>/etc/fstab',
        "sh",
        fields.join(" "),
        fields[1] ?? "",
      ]);
      return;
    }
    case "packages":
      return checkPackages(machine, step.names);
    case "command":
      await machine.run(step.command, { timeout: 60_000 });
  }
}
