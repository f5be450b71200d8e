"""cloud-init's own EC2 data source, told that this is AWS.

It recognises AWS by the firmware's tables, which a container has none of, and asks for a token (IMDSv2) only there.
"""
from cloudinit import sources
from cloudinit.sources import DataSourceEc2 as ec2


class DataSourceEc2(ec2.DataSourceEc2):
    def _get_cloud_name(self):
        return ec2.CloudNames.AWS


def get_datasource_list(depends):
    needs = (sources.DEP_FILESYSTEM, sources.DEP_NETWORK)
    return sources.list_from_depends(depends, [(DataSourceEc2, needs)])
