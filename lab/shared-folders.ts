/** The folders that all machines of a lab share: the plan's buckets with their objects, and its file systems. */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { LabModel } from "./model";

/**
 * Makes them. A file system is one folder, as on EFS: access points are paths in it, so one may lie inside another. What mount.efs must
 * know of an access point is beside it, in `efs/.points/FILE-SYSTEM/ACCESS-POINT`: what the servers' role gets there, and the path.
 */
export function layFolders(model: LabModel, lab: string): void {
  for (const folder of ["disks", "efs", "s3"]) mkdirSync(join(lab, folder), { recursive: true });
  for (const object of model.objects) {
    const target = join(lab, "s3", object.bucket, object.key);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(object.path, target);
  }
  for (const system of model.fileSystems) {
    mkdirSync(join(lab, "efs", system.id), { recursive: true });
    const points = join(lab, "efs", ".points", system.id);
    mkdirSync(points, { recursive: true });
    for (const { id, path, right } of system.accessPoints)
      writeFileSync(join(points, id), `${right} ${path}\n`);
  }
}

/** The folder that the control function mounts; EFS makes it when a client first connects. */
export function controlFolder(model: LabModel, lab: string): string {
  const folder = join(lab, "efs", model.control.fileSystem, model.control.path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}
