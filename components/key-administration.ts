import type { PolicyStatement } from "./support";

/**
 * IAM of the account decides who administers a key; without this nobody could ever change it again
 * (https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html). It contains no use of the key.
 */
export function administerKey(account: NonNullable<PolicyStatement["Principal"]>): PolicyStatement {
  return {
    Sid: "AdministerKey",
    Effect: "Allow",
    Principal: account,
    Action: [
      "kms:CancelKeyDeletion",
      "kms:CreateAlias",
      "kms:DeleteAlias",
      "kms:Describe*",
      "kms:DisableKey",
      "kms:DisableKeyRotation",
      "kms:EnableKey",
      "kms:EnableKeyRotation",
      "kms:Get*",
      "kms:List*",
      "kms:PutKeyPolicy",
      "kms:RevokeGrant",
      "kms:ScheduleKeyDeletion",
      "kms:TagResource",
      "kms:UntagResource",
      "kms:UpdateAlias",
      "kms:UpdateKeyDescription",
    ],
    Resource: "*",
  };
}
