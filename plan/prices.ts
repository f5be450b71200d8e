/** On-demand prices of one region in US dollars; hourly prices are per started hour, the rest per month. */
export interface PriceTable {
  readonly source: string;
  readonly date: string;
  readonly perHour: {
    readonly networkLoadBalancer: number;
    readonly publicIpv4: number;
    readonly natGateway: number;
    /** Per availability zone. */
    readonly interfaceEndpoint: number;
    readonly instances: Readonly<Record<string, number>>;
  };
  readonly perMonth: {
    readonly gp3PerGb: number;
    /** Seven metrics an instance (EC2 user guide, "Manage detailed monitoring"). */
    readonly detailedMonitoringPerInstance: number;
    readonly kmsKey: number;
    /** Per metric in the alarm's expression. */
    readonly alarmMetric: number;
    readonly highResolutionAlarmMetric: number;
    readonly dashboard: number;
    readonly customMetric: number;
  };
  /** Per unit of use. */
  readonly perUse: {
    /** Per 1,000 calls of PutMetricData (https://aws.amazon.com/cloudwatch/pricing/). */
    readonly metricCalls: number;
    /** Per NLCU-hour: 1 GB, 400 new flows a second or 50,000 active flows (UDP), whichever is most. */
    readonly nlcuHour: number;
    readonly natGb: number;
    /** Per GB and direction between zones of a region. */
    readonly zoneGb: number;
    /** Per GB out to the internet: what each further tier costs, and up to how many GB a month it reaches. */
    readonly dataOutGb: readonly { readonly upToGb: number; readonly price: number }[];
  };
  /** AWS Client VPN, for comparison. */
  readonly clientVpn: {
    /** Per associated subnet and hour, whether clients are there or not. */
    readonly associationHour: number;
    readonly connectionHour: number;
  };
  /** What traffic and stored data cost on top, in words. */
  readonly usage: {
    readonly networkLoadBalancer: string;
    readonly natGateway: string;
    readonly interfaceEndpoint: string;
    readonly efs: string;
    readonly logs: string;
    readonly s3: string;
    readonly lambda: string;
    readonly dataOut: string;
  };
}

/** Hours that AWS's own price examples count for a month. */
export const HOURS_PER_MONTH = 730;

/** A region that is not here gets no cost line: a guess would be worse than none. */
export const prices: Readonly<Record<string, PriceTable>> = {
  "us-east-1": {
    source: "infracost golden files (2026-08) and karpenter-provider-aws price tables (2026-07-20)",
    date: "2026-11-21",
    perHour: {
      networkLoadBalancer: 0.0225,
      publicIpv4: 0.005,
      natGateway: 0.045,
      interfaceEndpoint: 0.01,
      instances: {
        "t4g.small": 0.0168,
        "t4g.medium": 0.0336,
        "c7g.medium": 0.0363,
        "c7g.large": 0.0725,
        "c7gn.medium": 0.0624,
        "c7gn.large": 0.1248,
        "c8g.medium": 0.03988,
        "c8gn.medium": 0.0593,
      },
    },
    perMonth: {
      gp3PerGb: 0.08,
      detailedMonitoringPerInstance: 2.1,
      kmsKey: 1,
      alarmMetric: 0.1,
      highResolutionAlarmMetric: 0.3,
      dashboard: 3,
      customMetric: 0.3,
    },
    perUse: {
      metricCalls: 0.01,
      nlcuHour: 0.006,
      natGb: 0.045,
      zoneGb: 0.01,
      dataOutGb: [
        { upToGb: 10_240, price: 0.09 },
        { upToGb: 51_200, price: 0.085 },
        { upToGb: Number.POSITIVE_INFINITY, price: 0.07 },
      ],
    },
    clientVpn: { associationHour: 0.1, connectionHour: 0.05 },
    usage: {
      networkLoadBalancer: "$0.006 per NLCU-hour (1 GB/h, 400 new flows/s or 50,000 flows)",
      natGateway: "$0.045 per GB through NAT",
      interfaceEndpoint: "$0.01 per GB through interface endpoints",
      efs: "$0.30 per GB-month stored (kilobytes here); bursting throughput costs nothing more",
      logs: "$0.50 per GB of logs",
      s3: "pennies for the stored agent bundle",
      lambda: "$0.20 per million calls and $0.0000133334 per GB-second (arm64); nothing at rest",
      dataOut: "$0.09 per GB out to the internet (first 10 TB)",
    },
  },
};
