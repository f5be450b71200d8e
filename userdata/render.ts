import { UserError } from "../config/errors";
import { renderAgentConfig } from "./agent-config";
import { renderBootScript } from "./boot-script";
import { type BootFile, renderCloudConfig } from "./cloud-config";
import { renderNftables } from "./nftables";
import { packageNames } from "./packages";
import { PATHS } from "./paths";
import { renderSysctls } from "./sysctls";
import type { UserDataArgs } from "./types";
import { renderAgentUnit, renderNetworkUnit, renderRekeyUnits } from "./units";

/** EC2's limit for user data before base64 (RunInstances, UserData). */
export const USER_DATA_LIMIT_BYTES = 16 * 1024;

/** The files that a server gets at boot. */
export function bootFiles(args: UserDataArgs): readonly BootFile[] {
  const file = (path: string, permissions: string, content: string): BootFile => ({
    path,
    permissions,
    content,
  });
  const rekey = renderRekeyUnits();
  return [
    file(PATHS.agentConfig, "0644", renderAgentConfig(args)),
    file(PATHS.nftables, "0644", renderNftables(args)),
    file(PATHS.sysctls, "0644", renderSysctls()),
    file(PATHS.networkUnit, "0644", renderNetworkUnit()),
    file(PATHS.agentUnit, "0644", renderAgentUnit(args)),
    file(PATHS.rekeyPathUnit, "0644", rekey.path),
    file(PATHS.rekeyUnit, "0644", rekey.service),
    file(PATHS.boot, "0755", renderBootScript(args)),
  ];
}

/**
 * Renders what an instance runs at its first boot.
 * @throws UserError when the result does not fit into EC2's user data.
 */
export function renderUserData(args: UserDataArgs): string {
  const mount = (accessPointId: string, path: string, readOnly: boolean) => ({
    fileSystemId: args.fileSystemId,
    accessPointId,
    path,
    readOnly,
  });
  const text = renderCloudConfig({
    packages: packageNames,
    files: bootFiles(args),
    mounts: [
      // The servers' role may not write it anyway; like this the server says so itself ("Read-only file system").
      mount(args.registryAccessPointId, PATHS.registry, true),
      mount(args.runtimeAccessPointId, PATHS.runtime, false),
    ],
    run: [[PATHS.boot]],
  });
  return withinLimit(text);
}

/** Returns the text unless it is larger than EC2 takes. */
export function withinLimit(text: string): string {
  const size = Buffer.byteLength(text);
  if (size <= USER_DATA_LIMIT_BYTES) return text;
  throw new UserError(
    `a server's user data is ${size} bytes and EC2 takes ${USER_DATA_LIMIT_BYTES}; ` +
      "the settings cannot make it grow so much, so something in userdata/ became too long",
  );
}
