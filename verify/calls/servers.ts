import type { Json, JsonObject } from "../../plan";
import { call, deep, flag, isObject, type Mappings, numeric, type Take, tagSpecification } from "./call";

/** Load balancer, launch template and Auto Scaling. */
export const serverCalls: Mappings = {
  "aws:lb/loadBalancer:LoadBalancer": (take) => [
    call("elbv2", "CreateLoadBalancer", {
      ...take.pascal("ipAddressType", "name", "securityGroups", "subnetMappings"),
      Scheme: take.value("internal") === true ? "internal" : "internet-facing",
      Type: take.value("loadBalancerType"),
      Tags: take.tags(),
    }),
    call("elbv2", "ModifyLoadBalancerAttributes", {
      LoadBalancerArn: "arn",
      Attributes: attributes(take, {
        "load_balancing.cross_zone.enabled": "enableCrossZoneLoadBalancing",
        "deletion_protection.enabled": "enableDeletionProtection",
      }),
    }),
  ],
  "aws:lb/targetGroup:TargetGroup": (take) => {
    const check = take.block("healthCheck");
    return [
      call("elbv2", "CreateTargetGroup", {
        ...take.pascal("name", "port", "protocol", "targetType", "vpcId"),
        HealthCheckEnabled: check["enabled"],
        HealthCheckIntervalSeconds: check["interval"],
        HealthCheckPath: check["path"],
        HealthCheckPort: check["port"],
        HealthCheckProtocol: check["protocol"],
        HealthCheckTimeoutSeconds: check["timeout"],
        HealthyThresholdCount: check["healthyThreshold"],
        UnhealthyThresholdCount: check["unhealthyThreshold"],
        ...(check["matcher"] === undefined ? {} : { Matcher: { HttpCode: check["matcher"] } }),
        Tags: take.tags(),
      }),
      call("elbv2", "ModifyTargetGroupAttributes", {
        TargetGroupArn: "arn",
        Attributes: attributes(take, {
          "deregistration_delay.connection_termination.enabled": "connectionTermination",
          "deregistration_delay.timeout_seconds": "deregistrationDelay",
        }),
      }),
    ];
  },
  "aws:lb/listener:Listener": (take) => [
    call("elbv2", "CreateListener", {
      ...take.pascal("defaultActions", "loadBalancerArn", "port", "protocol"),
      Tags: take.tags(),
    }),
  ],
  "aws:ec2/launchTemplate:LaunchTemplate": (take) => {
    take.skip("updateDefaultVersion");
    return [
      call("ec2", "CreateLaunchTemplate", {
        LaunchTemplateName: take.value("name"),
        VersionDescription: take.value("description"),
        LaunchTemplateData: templateData(take),
        ...tagSpecification("launch-template", take.tags()),
      }),
    ];
  },
  "aws:autoscaling/group:Group": (take) => {
    // The provider's own waiting.
    take.skip("minElbCapacity", "waitForCapacityTimeout");
    const refresh = take.block("instanceRefresh");
    const preferences = isObject(refresh["preferences"]) ? refresh["preferences"] : {};
    const AutoScalingGroupName = take.value("name");
    const template = take.block("launchTemplate");
    return [
      call("autoscaling", "CreateAutoScalingGroup", {
        AutoScalingGroupName,
        ...take.pascal(
          "availabilityZoneDistribution",
          "capacityRebalance",
          "defaultInstanceWarmup",
          "desiredCapacity",
          "healthCheckGracePeriod",
          "healthCheckType",
        ),
        ...take.pascal("instanceMaintenancePolicy", "maxSize", "minSize", "mixedInstancesPolicy"),
        ...(template["id"] === undefined
          ? {}
          : { LaunchTemplate: { LaunchTemplateId: template["id"], Version: template["version"] ?? null } }),
        TargetGroupARNs: take.value("targetGroupArns"),
        VPCZoneIdentifier: take.list("vpcZoneIdentifiers").join(","),
        Tags: take.list("tags").flatMap((tag) => deep(tag) ?? []),
      }),
      ...take.list("initialLifecycleHooks").map((hook) =>
        call("autoscaling", "PutLifecycleHook", {
          AutoScalingGroupName,
          ...lifecycleHook(hook),
        }),
      ),
      ...take.list("warmPool").map((pool) =>
        call("autoscaling", "PutWarmPool", {
          AutoScalingGroupName,
          ...upper(isObject(pool) ? pool : {}, []),
        }),
      ),
      call("autoscaling", "EnableMetricsCollection", {
        AutoScalingGroupName,
        Metrics: take.value("enabledMetrics"),
        Granularity: take.value("metricsGranularity"),
      }),
      call("autoscaling", "StartInstanceRefresh", {
        AutoScalingGroupName,
        Strategy: refresh["strategy"],
        Preferences: deep({ ...preferences, instanceWarmup: numeric(preferences["instanceWarmup"]) ?? null }),
      }),
    ];
  },
  "aws:autoscaling/policy:Policy": (take) => [
    call("autoscaling", "PutScalingPolicy", {
      AutoScalingGroupName: take.value("autoscalingGroupName"),
      PolicyName: take.value("name"),
      ...take.pascal("adjustmentType", "estimatedInstanceWarmup", "metricAggregationType", "policyType"),
      StepAdjustments: take.list("stepAdjustments").map(step),
    }),
  ],
  "aws:autoscaling/schedule:Schedule": (take) => [
    call("autoscaling", "PutScheduledUpdateGroupAction", {
      AutoScalingGroupName: take.value("autoscalingGroupName"),
      ...take.pascal("scheduledActionName", "recurrence", "timeZone"),
      // The provider sends none of these where it is told -1.
      ...Object.fromEntries(
        Object.entries(take.pascal("minSize", "maxSize", "desiredCapacity")).filter(
          ([, size]) => size !== -1,
        ),
      ),
    }),
  ],
};

/** The provider's `name` is the hook's. */
function lifecycleHook(hook: Json): JsonObject {
  if (!isObject(hook)) return {};
  const { name, ...rest } = hook;
  return { ...upper(rest, []), LifecycleHookName: name ?? null };
}

function attributes(take: Take, names: Readonly<Record<string, string>>): JsonObject[] {
  return Object.entries(names).flatMap(([Key, name]) => {
    const value = take.value(name);
    return value === undefined ? [] : [{ Key, Value: String(value) }];
  });
}

function templateData(take: Take): JsonObject {
  const interfaces = take.list("networkInterfaces").filter(isObject);
  const disks = take.list("blockDeviceMappings").filter(isObject);
  return {
    ...take.pascal("iamInstanceProfile", "imageId", "instanceInitiatedShutdownBehavior", "instanceType"),
    ...take.pascal("creditSpecification", "metadataOptions", "monitoring", "userData"),
    NetworkInterfaces: interfaces.map(({ securityGroups, ...rest }) => ({
      ...upper(rest, ["associatePublicIpAddress", "deleteOnTermination"]),
      ...(securityGroups === undefined ? {} : { Groups: securityGroups }),
    })),
    BlockDeviceMappings: disks.map(({ ebs, ...rest }) => ({
      ...upper(rest, []),
      Ebs: isObject(ebs) ? upper(ebs, ["deleteOnTermination", "encrypted"]) : null,
    })),
    TagSpecifications: take.list("tagSpecifications").filter(isObject).map(specification),
  };
}

function upper(values: JsonObject, flags: readonly string[]): JsonObject {
  const plain = Object.entries(values).map(
    ([key, value]) => [key, flags.includes(key) ? flag(value) : value] as const,
  );
  const named = deep(Object.fromEntries(plain.map(([key, value]) => [key, value ?? null])));
  return isObject(named) ? named : {};
}

function specification({ resourceType, tags }: JsonObject): JsonObject {
  const list = isObject(tags) ? Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) : [];
  return { ResourceType: resourceType ?? null, Tags: list };
}

function step(adjustment: Json): Json {
  if (!isObject(adjustment)) return adjustment;
  return Object.fromEntries(
    Object.entries(upper(adjustment, [])).map(([key, value]) => [key, numeric(value) ?? null]),
  );
}
