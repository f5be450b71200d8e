import type { Policies } from "@pulumi/policy";
import { alarmUnits } from "./rules/alarm-units";
import { bucketPrivate } from "./rules/bucket-private";
import { encryptedDisk } from "./rules/encrypted-disk";
import { flowsEnd } from "./rules/flows-end";
import { healthCheckPort } from "./rules/health-check-port";
import { iamNoWildcards } from "./rules/iam-no-wildcards";
import { imdsv2 } from "./rules/imdsv2";
import { logRetention } from "./rules/log-retention";
import { minServers } from "./rules/min-servers";
import { noSecretInUserData } from "./rules/no-secret-in-user-data";
import { noSsh } from "./rules/no-ssh";
import { noTargetHealthStates } from "./rules/no-target-health-states";
import { pinnedTemplate } from "./rules/pinned-template";
import { publicIngress } from "./rules/public-ingress";
import { requiredTags } from "./rules/required-tags";
import { statefulProtected } from "./rules/stateful-protected";
import { storageNotPublic } from "./rules/storage-not-public";
import { storageOwnKey } from "./rules/storage-own-key";

/** Every rule of the pack, by name. */
export const rules: Policies = [
  alarmUnits,
  bucketPrivate,
  encryptedDisk,
  flowsEnd,
  healthCheckPort,
  iamNoWildcards,
  imdsv2,
  logRetention,
  minServers,
  noSecretInUserData,
  noSsh,
  noTargetHealthStates,
  pinnedTemplate,
  publicIngress,
  requiredTags,
  statefulProtected,
  storageNotPublic,
  storageOwnKey,
];
