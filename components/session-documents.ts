import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { PATHS } from "../userdata/paths";
import { mergeTags, type Tags } from "./support";

/** What an operator may do on a server: a shell, or one of three fixed commands. */
export const SESSIONS = ["shell", "health", "drain", "undrain"] as const;
export type Session = (typeof SESSIONS)[number];

/** Name of a session's document. The kind comes first, because a name must not begin with "aws" and a cluster's may. */
export function documentName(session: Session, clusterName: string): string {
  return `${session}-${clusterName}`;
}

export interface SessionDocumentsArgs {
  readonly clusterName: string;
  /** TCP port of the agent's health endpoint. Default 8080. */
  readonly healthPort: number;
  readonly logGroupName: string;
  /** Key of the sessions and of their log. */
  readonly keyArn: pulumi.Input<string>;
  readonly tags: Tags;
}

/** Minutes without input after which a session ends, and after which it ends whatever happens: the role's own limit. */
const IDLE_MINUTES = 15;
const LONGEST_MINUTES = 60;

/**
 * The session documents of a cluster. Each says where its sessions are recorded and with which key they are encrypted, so nobody's
 * account-wide preferences decide it (https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-schema.html).
 * **Cost**: none.
 */
export function sessionDocuments(
  name: string,
  args: SessionDocumentsArgs,
  opts: pulumi.CustomResourceOptions,
): readonly aws.ssm.Document[] {
  return SESSIONS.map(
    (session) =>
      new aws.ssm.Document(
        `${name}-${session}`,
        {
          name: documentName(session, args.clusterName),
          documentType: "Session",
          documentFormat: "JSON",
          content: content(session, args),
          tags: mergeTags(args.tags, { Name: args.clusterName }),
        },
        opts,
      ),
  );
}

/** A fixed command has no parameters, so nothing that an operator sends becomes part of it. */
function content(session: Session, args: SessionDocumentsArgs): pulumi.Output<string> {
  const agent = `${PATHS.node} ${PATHS.agent}`;
  const commands: Readonly<Record<Exclude<Session, "shell">, string>> = {
    health: `curl --silent --show-error --max-time 10 http://127.0.0.1:${args.healthPort}/healthz`,
    drain: `${agent} drain`,
    undrain: `${agent} undrain`,
  };
  const description = `wgc ${args.clusterName}: ${session} on a server`;
  const head = { schemaVersion: "1.0", description };
  if (session === "shell")
    return pulumi.jsonStringify({ ...head, sessionType: "Standard_Stream", inputs: preferences(args) });
  return pulumi.jsonStringify({
    ...head,
    sessionType: "NonInteractiveCommands",
    inputs: preferences(args),
    // The agent's state folder is root's; asking for health needs no rights.
    properties: { linux: { commands: commands[session], runAsElevated: session !== "health" } },
  });
}

function preferences({ logGroupName, keyArn }: SessionDocumentsArgs) {
  return {
    s3BucketName: "",
    s3KeyPrefix: "",
    s3EncryptionEnabled: true,
    cloudWatchLogGroupName: logGroupName,
    // A session does not begin when its log is not encrypted.
    cloudWatchEncryptionEnabled: true,
    // While it goes on: what waits on the server until the end can be taken away there.
    cloudWatchStreamingEnabled: true,
    kmsKeyId: keyArn,
    runAsEnabled: false,
    runAsDefaultUser: "",
    idleSessionTimeout: String(IDLE_MINUTES),
    maxSessionDuration: String(LONGEST_MINUTES),
    shellProfile: { windows: "", linux: "" },
  };
}
