"""A shadow: decides everything beside whoever is in charge of a cluster, writes nothing, and says what differs.

``lws-events shadow``. A command has no executor here: it is *expected*, until the cluster shows that whoever is in
charge has done the same. So the machine stays in step with the cluster; what it cannot get into step is a difference.
"""
