"""What a browser gets: modules, styles, templates. It refuses third-party scripts."""
