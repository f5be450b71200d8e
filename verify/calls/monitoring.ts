import type { Json, JsonObject } from "../../plan";
import { call, isObject, type Mappings } from "./call";

/** Alarms, dashboard, topic and events. */
export const monitoringCalls: Mappings = {
  "aws:cloudwatch/metricAlarm:MetricAlarm": (take) => [
    call("cloudwatch", "PutMetricAlarm", {
      AlarmName: take.value("name"),
      ...take.pascal("alarmActions", "alarmDescription", "comparisonOperator", "datapointsToAlarm"),
      ...take.pascal("evaluationPeriods", "threshold", "treatMissingData"),
      OKActions: take.value("okActions"),
      Metrics: take.list("metricQueries").map(query),
      Tags: take.tags(),
    }),
  ],
  "aws:cloudwatch/dashboard:Dashboard": (take) => [
    call("cloudwatch", "PutDashboard", take.pascal("dashboardBody", "dashboardName")),
  ],
  "aws:cloudwatch/eventRule:EventRule": (take) => [
    call("events", "PutRule", { ...take.pascal("description", "eventPattern", "name"), Tags: take.tags() }),
  ],
  "aws:cloudwatch/eventTarget:EventTarget": (take) => [
    call("events", "PutTargets", {
      Rule: take.value("rule"),
      Targets: [{ Id: "terraform-0123456789", Arn: take.value("arn") ?? null }],
    }),
  ],
  "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": (take) => [
    call("logs", "PutResourcePolicy", {
      policyName: take.value("policyName"),
      policyDocument: take.value("policyDocument"),
    }),
  ],
  "aws:sns/topic:Topic": (take) => [
    call("sns", "CreateTopic", {
      Name: take.value("name"),
      Attributes: attributes({
        DisplayName: take.value("displayName"),
        KmsMasterKeyId: take.value("kmsMasterKeyId"),
      }),
      Tags: take.tags(),
    }),
  ],
  "aws:sns/topicPolicy:TopicPolicy": (take) => [
    call("sns", "SetTopicAttributes", {
      TopicArn: take.value("arn"),
      AttributeName: "Policy",
      AttributeValue: take.value("policy"),
    }),
  ],
  "aws:sns/topicSubscription:TopicSubscription": (take) => [
    call("sns", "Subscribe", {
      ...take.pascal("endpoint", "protocol"),
      TopicArn: take.value("topic"),
      ReturnSubscriptionArn: true,
    }),
  ],
};

function attributes(values: Readonly<Record<string, Json | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
}

/** `metric` is called MetricStat there, and its dimensions are a list. */
function query(value: Json): Json {
  if (!isObject(value)) return value;
  const { metric, id, label, expression, returnData } = value;
  const rest = attributes({ Id: id, Label: label, Expression: expression, ReturnData: returnData });
  if (!isObject(metric)) return rest;
  const { dimensions, metricName, namespace, period, stat } = metric;
  const list = isObject(dimensions)
    ? Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value }))
    : [];
  const name = { Namespace: namespace ?? null, MetricName: metricName ?? null, Dimensions: list };
  return { ...rest, MetricStat: { Metric: name, Period: period ?? null, Stat: stat ?? null } };
}
