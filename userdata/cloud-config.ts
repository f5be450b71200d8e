import { stringify } from "yaml";

/** A file that cloud-init writes. */
export interface BootFile {
  readonly path: string;
  readonly permissions: string;
  readonly content: string;
}

/** An EFS access point to mount. */
export interface BootMount {
  readonly fileSystemId: string;
  readonly accessPointId: string;
  readonly path: string;
  readonly readOnly: boolean;
}

export interface CloudConfig {
  readonly packages: readonly string[];
  readonly files: readonly BootFile[];
  readonly mounts: readonly BootMount[];
  readonly run: readonly (readonly string[])[];
}

/**
 * Renders a cloud-config document (https://docs.cloud-init.io/en/latest/reference/modules.html).
 * The `mounts` module takes a device name with a colon for a network share and others for a disk that must exist already.
 */
export function renderCloudConfig(config: CloudConfig): string {
  const document = {
    package_update: true,
    packages: config.packages,
    write_files: config.files.map(({ path, permissions, content }) => ({
      path,
      owner: "root:root",
      permissions,
      content,
    })),
    mounts: config.mounts.map(({ fileSystemId, accessPointId, path, readOnly }) => [
      `${fileSystemId}:/`,
      path,
      "efs",
      // nofail: a server reboots and serves from its local copy while the file system is away.
      `${readOnly ? "ro," : ""}_netdev,nofail,tls,iam,accesspoint=${accessPointId}`,
      "0",
      "0",
    ]),
    runcmd: config.run,
  };
  return `#cloud-config\n${stringify(document, { lineWidth: 0, aliasDuplicateObjects: false })}`;
}
