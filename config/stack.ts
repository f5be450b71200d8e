import * as pulumi from "@pulumi/pulumi";
import { type ClusterSettings, loadSettings } from "./load";

/** The settings of the stack that is being deployed; warnings go to Pulumi's log. */
export function stackSettings(): ClusterSettings {
  const values: Record<string, string> = {};
  for (const [key, value] of Object.entries(pulumi.runtime.allConfig())) {
    values[key] = typeof value === "string" ? value : JSON.stringify(value);
  }
  const { settings, warnings } = loadSettings({ stack: pulumi.getStack(), values });
  for (const warning of warnings) void pulumi.log.warn(warning);
  return settings;
}
