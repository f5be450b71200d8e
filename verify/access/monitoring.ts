import { asker, type Pair } from "./ask";
import type { Context } from "./match";
import type { Places } from "./places";

/** What sends metrics, tells of alarms and records failed launches. */
export function monitoringPairs({ arn, role, here, cluster, account }: Places): Pair[] {
  const server = asker(role("wgc-server-role"));
  const alarms = asker({ kind: "service", name: "cloudwatch.amazonaws.com" });
  const from = (alarm: string, owner = account): Context => ({
    "aws:SourceAccount": owner,
    "aws:SourceArn": here("cloudwatch", `alarm:${alarm}`),
  });
  const own = `${cluster}/rings`;
  const topic = arn("wgc-monitoring-alarms-topic");
  const key = arn("wgc-storage-key");
  const others = (says: string, action: string, resource: string) => [
    alarms(`${says} of another cluster`, action, resource, from("another/rings")),
    alarms(`${says} of a cluster whose name begins alike`, action, resource, from(`${cluster}-two/rings`)),
    alarms(`${says} of another account`, action, resource, from(own, "999999999999")),
  ];
  return [
    {
      who: "server",
      allowed: server("send metrics of its cluster", "cloudwatch:PutMetricData", "*", {
        "cloudwatch:namespace": `wgc/${cluster}`,
      }),
      denied: [
        server("another's", "cloudwatch:PutMetricData", "*", { "cloudwatch:namespace": "wgc/another" }),
        server("switch alarms off", "cloudwatch:DisableAlarmActions", "*"),
      ],
    },
    {
      who: "alarms",
      allowed: alarms("tell the topic", "sns:Publish", topic, from(own)),
      denied: others("those", "sns:Publish", topic),
    },
    ...["Decrypt", "GenerateDataKey"].map((name) => ({
      who: "alarms",
      allowed: alarms(`encrypt what they tell (${name})`, `kms:${name}`, key, from(own)),
      denied: others("those", `kms:${name}`, key),
    })),
    ...["events", "delivery.logs"].flatMap((service) => launchPairs(service, { arn, here })),
  ];
}

function launchPairs(service: string, { arn, here }: Pick<Places, "arn" | "here">): Pair[] {
  const ask = asker({ kind: "service", name: `${service}.amazonaws.com` });
  const log = `${arn("wgc-monitoring-launches-log")}:log-stream:0`;
  const own: Context = { "aws:SourceArn": arn("wgc-monitoring-launches-rule") };
  return [
    {
      who: service,
      allowed: ask("make a stream for failed launches", "logs:CreateLogStream", log),
      denied: [
        ask("in another log", "logs:CreateLogStream", `${arn("wgc-control-log")}:log-stream:0`),
        ask("delete it", "logs:DeleteLogStream", log),
      ],
    },
    {
      who: service,
      allowed: ask("record a failed launch", "logs:PutLogEvents", log, own),
      denied: [
        ask("into another log", "logs:PutLogEvents", `${arn("wgc-control-log")}:log-stream:0`, own),
        ask("for another rule", "logs:PutLogEvents", log, {
          "aws:SourceArn": here("events", "rule/another"),
        }),
      ],
    },
  ];
}
