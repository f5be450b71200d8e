import { imageParameter } from "../../components/instance-type";
import { architectureOf } from "../../config/architecture";

test.each([
  "c7g.medium",
  "t4g.small",
  "c7gn.large",
  "m8gd.xlarge",
  "c6gn.medium",
  "im4gn.large",
  "a1.medium",
  "x2gd.medium",
  "g5g.xlarge",
])("%s is arm64", (type) => expect(architectureOf(type)).toBe("arm64"));

test.each([
  "t3.small",
  "c6in.large",
  "m7i-flex.large",
  "m7a.medium",
  "g4dn.xlarge",
  "g6.xlarge",
  "c5.large",
  "r8i.large",
])("%s is x86_64", (type) => expect(architectureOf(type)).toBe("x86_64"));

test("the image is the newest Amazon Linux 2023 of the type's architecture", () => {
  expect(imageParameter("c7g.medium")).toBe(
    "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64",
  );
  expect(imageParameter("c6in.large")).toBe(
    "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
  );
});
