import { handle, named, type Standin, text } from "./standin";

/** IAM is global: its ARNs carry no region. */
const role: Standin = (inputs, context) => {
  const id = text(inputs, "name");
  const path = text(inputs, "path", "/");
  return {
    id,
    outputs: {
      arn: context.arn("iam", `role${path}${id}`, { region: "" }),
      uniqueId: `AROA${context.hex(16).toUpperCase()}`,
      createDate: "2026-01-01T00:00:00Z",
    },
  };
};

const instanceProfile: Standin = (inputs, context) => {
  const id = text(inputs, "name");
  return {
    id,
    outputs: {
      arn: context.arn("iam", `instance-profile/${id}`, { region: "" }),
      uniqueId: `AIPA${context.hex(16).toUpperCase()}`,
      createDate: "2026-01-01T00:00:00Z",
    },
  };
};

const managedPolicy: Standin = (inputs, context) => {
  const arn = context.arn("iam", `policy/${text(inputs, "name")}`, { region: "" });
  return { id: arn, outputs: { arn, policyId: `ANPA${context.hex(16).toUpperCase()}`, attachmentCount: 0 } };
};

const logGroup: Standin = (inputs, context) => {
  const id = text(inputs, "name");
  return { id, outputs: { arn: context.arn("logs", `log-group:${id}`) } };
};

const topic: Standin = (inputs, context) => {
  const arn = context.arn("sns", text(inputs, "name"));
  return { id: arn, outputs: { arn, owner: context.account } };
};

export const governance: Readonly<Record<string, Standin>> = {
  "aws:iam/role:Role": role,
  "aws:iam/rolePolicy:RolePolicy": (inputs) => ({
    id: `${text(inputs, "role")}:${text(inputs, "name")}`,
    outputs: {},
  }),
  "aws:iam/rolePolicyAttachment:RolePolicyAttachment": (inputs, context) => ({
    id: `${text(inputs, "role")}-${context.hex(10)}`,
    outputs: {},
  }),
  "aws:iam/instanceProfile:InstanceProfile": instanceProfile,
  "aws:iam/policy:Policy": managedPolicy,
  "aws:cloudwatch/metricAlarm:MetricAlarm": named("name", (id, _inputs, context) => ({
    arn: context.arn("cloudwatch", `alarm:${id}`),
  })),
  "aws:cloudwatch/compositeAlarm:CompositeAlarm": named("alarmName", (id, _inputs, context) => ({
    arn: context.arn("cloudwatch", `alarm:${id}`),
  })),
  "aws:cloudwatch/dashboard:Dashboard": named("dashboardName", (id, _inputs, context) => ({
    dashboardArn: context.arn("cloudwatch", `dashboard/${id}`, { region: "" }),
  })),
  "aws:cloudwatch/logGroup:LogGroup": logGroup,
  "aws:cloudwatch/logMetricFilter:LogMetricFilter": named("name"),
  "aws:sns/topic:Topic": topic,
  "aws:sns/topicSubscription:TopicSubscription": handle("subscription", (_id, inputs, context) => ({
    arn: `${text(inputs, "topic")}:${context.hex(12)}`,
  })),
  "aws:sns/topicPolicy:TopicPolicy": named("arn"),
  "aws:ssm/document:Document": named("name", (id, _inputs, context) => ({
    arn: context.arn("ssm", `document/${id}`),
    latestVersion: "1",
    defaultVersion: "1",
    status: "Active",
  })),
  "aws:ssm/parameter:Parameter": named("name", (id, _inputs, context) => ({
    arn: context.arn("ssm", `parameter/${id.replace(/^\//, "")}`),
    version: 1,
  })),
  "aws:cloudwatch/eventRule:EventRule": named("name", (id, _inputs, context) => ({
    arn: context.arn("events", `rule/${id}`),
  })),
  "aws:cloudwatch/eventTarget:EventTarget": handle("target"),
};
