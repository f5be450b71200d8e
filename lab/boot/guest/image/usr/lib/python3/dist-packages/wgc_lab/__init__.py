"""What the lab tells cloud-init (cloud.cfg.d/99-wgc-lab.cfg, datasource_pkg_list)."""
