import type { ReplaceEntry } from "./replace-entry";

/** The part of the table (see plan/replace-table.ts) that is about alarms, events and topics. */
export const monitoringReplaceTable: Readonly<Record<string, ReplaceEntry>> = {
  "aws:cloudwatch/dashboard:Dashboard": {
    replace: ["dashboardName"],
    source: "cloudwatch/dashboard.go",
    cloudFormation: "AWS::CloudWatch::Dashboard",
  },
  "aws:cloudwatch/eventRule:EventRule": {
    replace: ["eventBusName", "name", "namePrefix"],
    source: "events/rule.go",
    cloudFormation: "AWS::Events::Rule",
  },
  "aws:cloudwatch/eventTarget:EventTarget": {
    replace: ["eventBusName", "rule", "targetId"],
    source: "events/target.go",
  },
  "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": {
    replace: ["policyName"],
    source: "logs/resource_policy.go",
    cloudFormation: "AWS::Logs::ResourcePolicy",
  },
  "aws:cloudwatch/metricAlarm:MetricAlarm": {
    replace: ["name"],
    source: "cloudwatch/metric_alarm.go",
    cloudFormation: "AWS::CloudWatch::Alarm",
    names: { name: "AlarmName" },
  },
  "aws:sns/topic:Topic": {
    replace: ["fifoTopic", "name", "namePrefix"],
    source: "sns/topic.go",
    cloudFormation: "AWS::SNS::Topic",
    names: { name: "TopicName" },
  },
  "aws:sns/topicPolicy:TopicPolicy": { replace: ["arn"], source: "sns/topic_policy.go" },
  "aws:sns/topicSubscription:TopicSubscription": {
    replace: ["endpoint", "protocol", "topic"],
    source: "sns/topic_subscription.go",
  },
};
