import { ec2Standin, handle, named, type Standin, text } from "./standin";

const balancer: Standin = (inputs, context) => {
  const kind = text(inputs, "loadBalancerType", "application") === "network" ? "net" : "app";
  const suffix = `${kind}/${text(inputs, "name")}/${context.hex(16)}`;
  const id = context.arn("elasticloadbalancing", `loadbalancer/${suffix}`);
  return {
    id,
    outputs: {
      arn: id,
      arnSuffix: suffix,
      dnsName: `${text(inputs, "name")}-${context.hex(16)}.elb.${context.region}.amazonaws.com`,
      zoneId: "Z26RNL4JYFTOTI",
    },
  };
};

const targetGroup: Standin = (inputs, context) => {
  const suffix = `targetgroup/${text(inputs, "name")}/${context.hex(16)}`;
  const id = context.arn("elasticloadbalancing", suffix);
  return { id, outputs: { arn: id, arnSuffix: suffix } };
};

const listener: Standin = (inputs, context) => {
  const owner = text(inputs, "loadBalancerArn").split("loadbalancer/")[1] ?? "";
  const id = context.arn("elasticloadbalancing", `listener/${owner}/${context.hex(16)}`);
  return { id, outputs: { arn: id } };
};

const group: Standin = (inputs, context) => {
  const name = text(inputs, "name");
  return {
    id: name,
    outputs: {
      arn: context.arn("autoscaling", `autoScalingGroup:${context.hex(32)}:autoScalingGroupName/${name}`),
    },
  };
};

const scalingPolicy: Standin = (inputs, context) => {
  const name = text(inputs, "name");
  const place = `autoScalingGroupName/${text(inputs, "autoscalingGroupName")}:policyName/${name}`;
  return {
    id: name,
    outputs: { arn: context.arn("autoscaling", `scalingPolicy:${context.hex(32)}:${place}`) },
  };
};

const lambda: Standin = (inputs, context) => {
  const name = text(inputs, "name");
  const arn = context.arn("lambda", `function:${name}`);
  return {
    id: name,
    outputs: {
      arn,
      version: "1",
      qualifiedArn: `${arn}:1`,
      invokeArn: context.arn("apigateway", `lambda:path/2015-03-31/functions/${arn}/invocations`, {
        account: "lambda",
      }),
    },
  };
};

export const compute: Readonly<Record<string, Standin>> = {
  "aws:ec2/launchTemplate:LaunchTemplate": ec2Standin("lt", "launch-template", () => ({
    latestVersion: 1,
    defaultVersion: 1,
  })),
  "aws:ec2/instance:Instance": ec2Standin("i", "instance", () => ({ instanceState: "running" })),
  "aws:ec2/placementGroup:PlacementGroup": named("name"),
  "aws:lb/loadBalancer:LoadBalancer": balancer,
  "aws:lb/targetGroup:TargetGroup": targetGroup,
  "aws:lb/listener:Listener": listener,
  "aws:autoscaling/group:Group": group,
  "aws:autoscaling/policy:Policy": scalingPolicy,
  "aws:autoscaling/lifecycleHook:LifecycleHook": named("name"),
  "aws:autoscaling/attachment:Attachment": handle("attachment"),
  "aws:autoscaling/schedule:Schedule": handle("schedule"),
  "aws:lambda/function:Function": lambda,
  "aws:lambda/permission:Permission": handle("permission"),
};
