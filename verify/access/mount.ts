import type { Context } from "./match";

/** A request over TLS. */
export const TLS: Context = { "aws:SecureTransport": "true" };
/** What EFS sends for a mount as servers make it. */
export const mount = (accessPoint: string): Context => ({
  ...TLS,
  "elasticfilesystem:AccessPointArn": accessPoint,
  "elasticfilesystem:AccessedViaMountTarget": "true",
});
