/**
 * AWS's own metrics that alarms and the dashboard may read, each with the dimensions that it is published under. Reviewed by hand: a
 * misspelled metric is no error to CloudWatch, its alarm just never has data. They cost nothing (EC2's by the minute are part of
 * detailed monitoring).
 */
export interface AwsNamespace {
  /** The page that lists metrics and dimensions. */
  readonly source: string;
  readonly metrics: readonly string[];
  /** Sets of dimensions that each of the metrics has. */
  readonly dimensions: readonly (readonly string[])[];
}

const BALANCER_PAGE =
  "https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-cloudwatch-metrics.html";

export const AWS_METRICS: Readonly<Record<string, readonly AwsNamespace[]>> = {
  "AWS/NetworkELB": [
    {
      source: BALANCER_PAGE,
      metrics: ["HealthyHostCount", "UnHealthyHostCount"],
      dimensions: [
        ["LoadBalancer", "TargetGroup"],
        ["AvailabilityZone", "LoadBalancer", "TargetGroup"],
      ],
    },
    {
      source: BALANCER_PAGE,
      metrics: ["ActiveFlowCount_UDP", "NewFlowCount_UDP", "ProcessedBytes_UDP", "UnhealthyRoutingFlowCount"],
      dimensions: [["LoadBalancer"], ["AvailabilityZone", "LoadBalancer"]],
    },
  ],
  "AWS/EC2": [
    {
      source: "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_metrics_with_cloudwatch.html",
      metrics: ["CPUUtilization", "NetworkIn", "NetworkOut", "NetworkPacketsIn", "NetworkPacketsOut"],
      dimensions: [["AutoScalingGroupName"], ["InstanceId"]],
    },
  ],
  "AWS/AutoScaling": [
    {
      source: "https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html",
      metrics: [
        "GroupDesiredCapacity",
        "GroupInServiceInstances",
        "GroupPendingInstances",
        "GroupTerminatingInstances",
      ],
      dimensions: [["AutoScalingGroupName"]],
    },
  ],
  "AWS/EFS": [
    {
      source: "https://docs.aws.amazon.com/efs/latest/ug/efs-metrics.html",
      metrics: ["BurstCreditBalance", "ClientConnections", "MeteredIOBytes", "PercentIOLimit"],
      dimensions: [["FileSystemId"]],
    },
  ],
  "AWS/Events": [
    {
      source: "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html",
      metrics: ["FailedInvocations", "Invocations"],
      dimensions: [["RuleName"]],
    },
  ],
  "AWS/Lambda": [
    {
      source: "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html",
      metrics: ["Duration", "Errors", "Invocations", "Throttles"],
      dimensions: [["FunctionName"]],
    },
  ],
};
